// What the page asks of the server, and what it makes bad days of.

// deed does something as somebody; the answer is what the bot said to it, in
// words. "" means that all went well and nothing was said.
export async function deed(name, body) {
  try {
    const response = await fetch(`bot/${name}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) return (await response.text()).split("\n")[0];
    const said = await response.json();
    if (said.error) return said.error;
    if (said.status >= 300) return `The bot answered ${said.status}.`;
    if (said.text) return said.text;
    return said.code >= 400 ? `The bot says that it failed: ${said.code}.` : "";
  } catch {
    return "The simulator is away.";
  }
}

export const clear = () => fetch("messages", { method: "DELETE" });
export const goodDay = () => fetch("faults", { method: "DELETE" });
export const queue = (of, faults) => fetch("faults", { method: "POST", body: JSON.stringify({ ...of, faults }) });

// faultsLeft counts the faults that still wait for one of these names;
// Infinity: until somebody ends them.
export async function faultsLeft(...names) {
  const queued = await (await fetch("faults")).json();
  return names.flatMap((name) => queued[name] ?? [])
    .reduce((sum, fault) => sum + (fault.times < 0 ? Infinity : Math.max(fault.times ?? 1, 1)), 0);
}

const slow = ["Answers the next one after 10 seconds", [{ latency: "10s" }]];
const cut = ["Breaks the connection after showing the card", [{ cut: "after" }]];

export const webhookBadDays = [
  ["Too busy: 429 for the next 3 messages", [{ status: 429, retry_after: "5s", times: 3 }]],
  ["Out of order: 503 for the next 5", [{ status: 503, times: 5 }]],
  ["Says 200, but the body speaks of an error", [{ body: "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0" }]],
  slow,
  cut,
  ["Does not take the next card: 400", [{ status: 400 }]],
  ["The flow is deleted: 404 until it is a good day", [{ status: 404, times: -1 }]],
];

export const botBadDays = [
  ["Too busy: 429 for the next 3 requests", [{ code: "Throttled", retry_after: "5s", times: 3 }]],
  ["Two at once: 412 for the next 2", [{ code: "PreconditionFailed", times: 2 }]],
  ["Out of order: 502 for the next 5", [{ status: 502, times: 5 }]],
  ["Fails for good: 500 for the next one", [{ code: "ServiceError" }]],
  slow,
  cut,
  ["The card is gone: 404 for the next edit", [{ code: "ActivityNotFoundInConversation" }]],
  ["Blocked by an administrator: 403 until it is a good day", [{ code: "BotDisabledByAdmin", times: -1 }]],
];
