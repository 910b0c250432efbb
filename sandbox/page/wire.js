// The line to the sandbox's server: topics come in, commands go out.

const latest = new Map();
const listeners = [];

/** Call `listen(state, topic)` now and whenever the topic changes. A topic may end in * . */
export function on(topic, listen) {
  const fits = topic.endsWith("*") ? (name) => name.startsWith(topic.slice(0, -1)) : (name) => name === topic;
  listeners.push({ fits, listen });
  for (const [name, state] of latest) if (fits(name)) listen(state, name);
}

export const state = (topic) => latest.get(topic);

/** Stay connected for ever; `told(true|false)` says whether the line is up. */
export function connect(told) {
  const source = new EventSource("/events");
  source.onopen = () => told(true);
  source.onmessage = (event) => {
    const { topic, state } = JSON.parse(event.data);
    latest.set(topic, state);
    for (const { fits, listen } of listeners) if (fits(topic)) listen(state, topic);
  };
  source.onerror = () => {
    told(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => connect(told), 1500); // it gives up on bad answers
  };
}

/** Do something; answers the server's object. Throws an Error with a code in `message`. */
export async function act(action, body) {
  let answer;
  try {
    answer = await fetch(`/api/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("no_line");
  }
  const found = await answer.json().catch(() => ({ error: "no_line" }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}
