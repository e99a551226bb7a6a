// The shop's footer says by whose link somebody came: /fairlead.js knows.
"use strict";
window.fairlead?.click(id => {
	if (!id) return;
	document.querySelector("#click").textContent = id;
	document.querySelector("#came").hidden = false;
	document.querySelector("#alone").hidden = true;
});
