// Server-sent events, read by hand: a browser's own reader cannot say why it was refused.
import { Problem, needLogin } from './api.js';

const [FIRST_PAUSE, LONGEST_PAUSE] = [1000, 15_000];

/** Longer lines are none of the gateway's. */
const LONGEST_LINE = 4 << 20;

/**
 * Follows `path` until it is stopped; not while nobody looks. `on.event(kind, facts)`, and
 * `on.state(state, problem)`: `connecting`, `open`, `waiting`, `hidden`, `refused`.
 */
export function follow(path, on) {
  const stop = new AbortController();
  let reading;
  let timer;
  let pause = FIRST_PAUSE;

  async function run() {
    clearTimeout(timer);
    if (stop.signal.aborted || reading) return;
    if (document.hidden) {
      on.state('hidden');
      return;
    }
    reading = new AbortController();
    on.state('connecting');
    let problem;
    try {
      await read(path, reading.signal, on, () => (pause = FIRST_PAUSE));
    } catch (fault) {
      problem = fault.name === 'AbortError' ? undefined : fault;
    }
    reading = undefined;
    if (stop.signal.aborted) return;
    if (problem?.status === 401) needLogin();
    if ([401, 404, 501].includes(problem?.status)) {
      on.state('refused', problem);
      return;
    }
    on.state(document.hidden ? 'hidden' : 'waiting', problem);
    timer = setTimeout(run, pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }

  function look() {
    if (document.hidden) reading?.abort();
    else run();
  }

  document.addEventListener('visibilitychange', look, { signal: stop.signal });
  run();
  return {
    stop() {
      stop.abort();
      clearTimeout(timer);
      reading?.abort();
    },
  };
}

async function read(path, signal, on, opened) {
  let answer;
  try {
    answer = await fetch(path, { signal, cache: 'no-store', headers: { Accept: 'text/event-stream' } });
  } catch (fault) {
    throw fault.name === 'AbortError' ? fault : Problem.away();
  }
  if (!answer.ok) throw await Problem.of(answer);
  opened();
  on.state('open');
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = { kind: 'message', data: [] };
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (fault) {
      throw fault.name === 'AbortError' ? fault : Problem.away();
    }
    if (piece.done) return;
    const lines = (rest + piece.value).split('\n');
    rest = lines.pop();
    if (rest.length > LONGEST_LINE) throw new Problem(0, 'No events', 'a line without an end');
    for (const line of lines) event = take(line.replace(/\r$/, ''), event, on);
  }
}

function take(line, event, on) {
  if (line === '') {
    if (event.data.length) tell(event, on);
    return { kind: 'message', data: [] };
  }
  const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
  if (field === 'event') event.kind = value;
  if (field === 'data') event.data.push(value);
  return event;
}

function tell({ kind, data }, on) {
  let facts;
  try {
    facts = JSON.parse(data.join('\n'));
  } catch {
    facts = {};
  }
  on.event(kind, facts);
}
