// A merchant's server that was written for Dub: its own SDK, unchanged, with another serverURL. It prints one line of JSON
// a call: what the SDK made of the answer, or which of its errors it threw.
import { Dub } from "dub";
import * as errors from "dub/models/errors";

const [serverURL, key, clickId] = process.argv.slice(2);

async function call(token, report) {
  const dub = new Dub({ serverURL, token, retryConfig: { strategy: "none" } });
  try {
    console.log(JSON.stringify({ answer: await report(dub.track) }));
  } catch (e) {
    if (!(e instanceof errors.DubError)) throw e;
    console.log(JSON.stringify({ thrown: e.constructor.name, status: e.statusCode, code: e.error?.code, docUrl: e.error?.docUrl }));
  }
}

const lead = {
  clickId, eventName: "Sign up", customerExternalId: "sdk-1", customerName: "Eva", customerEmail: "eva@example.com",
  mode: "wait", eventQuantity: 2, metadata: { plan: "pro" },
};
const sale = {
  customerExternalId: "sdk-1", amount: 4900, currency: "eur", eventName: "Invoice paid", paymentProcessor: "paddle", invoiceId: "sdk-in-1",
  leadEventName: "Sign up", metadata: { seats: 2 },
};
await call(key, (track) => track.lead(lead));
await call(key, (track) => track.lead(lead)); // a repeat is answered alike
await call(key, (track) => track.lead({ ...lead, eventQuantity: 3 }));
await call(key, (track) => track.lead({ clickId, eventName: "Trial", customerExternalId: "sdk-2", mode: "deferred" }));
await call(key, (track) => track.lead({ clickId: "", eventName: "Trial", customerExternalId: "sdk-2" }));
await call(key, (track) => track.sale(sale));
await call(key, (track) => track.sale({ customerExternalId: "sdk-2", amount: 100, invoiceId: "sdk-in-2" }));
await call(key, (track) => track.sale({ ...sale, amount: -1 }));
await call(key, (track) => track.lead({ ...lead, clickId: "nobody-gave-this-out" }));
await call("fl_live_unknown", (track) => track.sale(sale));
