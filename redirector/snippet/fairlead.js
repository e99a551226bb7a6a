/* Fairlead: keeps the id of the partner's link by which a visitor came, and offers it to the page.
   Settings of the <script>: data-key, data-consent="wait", data-via, data-domain. */
(() => {
	"use strict";
	const program = FAIRLEAD_PROGRAM;
	const me = document.currentScript || document.querySelector('script[src*="/fairlead.js"]');
	const edge = new URL(me.src);
	const settings = me.dataset;
	const day = 864e5;

	const isClick = text => /^[\w-]{32}$/.test(text);

	// A click id begins with its time: 48 bits of milliseconds.
	const age = id => {
		let at = 0;
		for (const c of atob(id.slice(0, 8).replace(/-/g, "+").replace(/_/g, "/"))) at = at * 256 + c.charCodeAt();
		return Date.now() - at;
	};

	const kept = () => (document.cookie.match(/(?:^|; )fl_click=([\w-]{32})(?:;|$)/) || [])[1];

	const keep = id => {
		document.cookie = `fl_click=${id}; path=/; max-age=${program.days * 86400}; samesite=lax` +
			(location.protocol == "https:" ? "; secure" : "") + (settings.domain ? "; domain=" + settings.domain : "");
	};

	// Without a key it goes as text, which spares browsers the question whether they may send it.
	const tell = async (path, body, key) => {
		const response = await fetch(edge.origin + path, {
			method: "POST", credentials: "omit", keepalive: true, body: JSON.stringify(body),
			headers: key ? { "content-type": "application/json", authorization: "Bearer " + key } : {}
		});
		const answer = await response.json();
		if (!response.ok) throw new Error(answer.error.message);
		return answer;
	};

	// A page in a frame of somebody else's was not come to by anybody: nothing in its address counts.
	const framed = () => {
		try {
			return top.location.origin != location.origin;
		} catch {
			return true;
		}
	};

	const find = async () => {
		const query = new URLSearchParams(location.search);
		const old = kept();
		if (framed()) return old || "";
		if (program.first && old && age(old) < program.days * day) return old;
		let id = program.params.map(name => query.get(name)).find(isClick);
		if (!id) {
			const key = (settings.via || "via").split(",").map(name => query.get(name)).find(Boolean);
			// Who loads a page again, or comes back to it, did not follow the link again.
			const again = old && performance.getEntriesByType("navigation")[0]?.type != "navigate";
			if (key && !again) {
				const click = { domain: edge.host, key, url: location.href, referrer: document.referrer };
				id = await tell("/track/click", click).then(answer => answer.clickId, () => "");
			}
		}
		if (id) keep(id);
		return id || old || "";
	};

	const dress = id => {
		for (const e of document.querySelectorAll("input[data-fairlead]")) e.value = id;
		for (const a of document.querySelectorAll('a[href^="https://buy.stripe.com/"], a[href][data-fairlead]')) {
			const url = new URL(a.href);
			if (url.searchParams.has("client_reference_id")) continue;
			url.searchParams.set("client_reference_id", id);
			a.href = url;
		}
		for (const e of document.querySelectorAll("stripe-buy-button, stripe-pricing-table"))
			if (!e.hasAttribute("client-reference-id")) e.setAttribute("client-reference-id", id);
	};

	// A page that the browser prepares and may never show is no visit.
	const shown = () => document.prerendering &&
		new Promise(resolve => document.addEventListener("prerenderingchange", resolve, { once: true }));

	let consent;
	const found = new Promise(resolve => consent = resolve).then(shown).then(find);
	found.then(id => {
		if (!id) return;
		fairlead.id = id;
		for (const event of ["DOMContentLoaded", "click", "auxclick", "submit"]) document.addEventListener(event, () => dress(id), true);
		dress(id);
	});
	const asked = program.gpc && (navigator.globalPrivacyControl || navigator.doNotTrack == "1");
	if (settings.consent != "wait" && !asked) consent();

	window.fairlead = {
		version: 1,
		id: "",
		consent: () => consent(),
		click: then => found.then(id => (then && then(id), id)),
		lead: lead => found.then(clickId => tell("/track/lead", { clickId, eventName: "Sign up", ...lead }, settings.key))
	};
})();
