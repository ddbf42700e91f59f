// Questions to the gateway: a few at a time, and every refusal as the problem that it says it is.

const MOST_AT_ONCE = 3;

let running = 0;
const waiting = [];

/** What went wrong, in the words of the gateway. */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
  }

  static away() {
    return new Problem(0, 'No answer', 'the gateway does not answer; is it running?');
  }

  /** Reads the document of an answer that is none of the good ones. */
  static async of(answer) {
    try {
      const said = await answer.json();
      return new Problem(answer.status, said.title, said.detail);
    } catch {
      return new Problem(answer.status, `${answer.status} ${answer.statusText}`);
    }
  }
}

/** Asks, and answers what was said as JSON; nothing where nothing was. */
export async function ask(path, { method = 'GET', body, signal } = {}) {
  await turn();
  try {
    return await fetched(path, { method, body, signal });
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

/** Tells of a 401, wherever it came: somebody has to log in again. */
export function needLogin() {
  dispatchEvent(new CustomEvent('login-needed'));
}

async function turn() {
  if (running >= MOST_AT_ONCE) await new Promise((go) => waiting.push(go));
  running += 1;
}

async function fetched(path, { method, body, signal }) {
  const request = { method, signal, cache: 'no-store', credentials: 'same-origin' };
  if (body !== undefined) {
    request.headers = { 'Content-Type': 'application/json' };
    request.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, request);
  } catch (fault) {
    throw fault.name === 'AbortError' ? fault : Problem.away();
  }
  if (!answer.ok) {
    const problem = await Problem.of(answer);
    if (problem.status === 401 && path !== '/api/login') needLogin();
    throw problem;
  }
  if (answer.status === 204) return undefined;
  try {
    return await answer.json();
  } catch (fault) {
    throw fault.name === 'AbortError' ? fault : Problem.away();
  }
}

/** The address of a device. */
export const deviceAt = (name) => `/api/devices/${encodeURIComponent(name)}`;

/** `?a=b` of those that have a value. */
export function query(values) {
  const told = Object.entries(values).filter(([, value]) => value !== '' && value != null);
  return told.length ? `?${new URLSearchParams(told)}` : '';
}
