// One report by Dub's own SDK, unchanged but for its serverURL: "lead", or "sale" of the customer who signed up. Exits with 1
// where the SDK throws, as it does while nobody answers.
import { Dub } from "dub";

const [serverURL, token, what, clickId, customerExternalId, invoiceId] = process.argv.slice(2);
const { track } = new Dub({ serverURL, token, retryConfig: { strategy: "none" } });
const answer = what === "lead"
  ? await track.lead({ clickId, eventName: "Sign up", customerExternalId, mode: "wait" })
  : await track.sale({ customerExternalId, amount: 4900, currency: "usd", paymentProcessor: "custom", invoiceId });
console.log(JSON.stringify(answer));
