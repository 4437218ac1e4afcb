// Elements, and requests to the centre.

/** An element. Everything shown is text that phones and callers chose: it is never parsed as HTML. */
export function el(tag, props = {}, ...children) {
  const { dataset, ...rest } = props;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

export const button = (text, onclick, props = {}) => el("button", { type: "button", textContent: text, onclick, ...props });

/** A request; what is wrong comes as an error with the centre's sentence. */
export async function ask(method, path, body) {
  const answer = await fetch(path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error);
  return value;
}

/** A request by somebody at the page: its outcome is said. */
export async function act(method, path, body) {
  const said = document.getElementById("said");
  try {
    const value = await ask(method, path, body);
    said.textContent = "";
    return value;
  } catch (e) {
    said.textContent = e.message;
  }
}

const shown = new WeakMap();
/** Draws a part anew only when what it shows has changed, so that focus and open lines stay. */
export function draw(element, value, make) {
  const key = JSON.stringify(value);
  if (shown.get(element) === key) return;
  shown.set(element, key);
  const focus = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren(...make(value));
  if (focus) document.getElementById(focus)?.focus();
}
