// What goes on, as it goes on. However much that is, so many lines are kept, and a few times a
// second they are drawn.
import { query } from './api.js';
import { complain, complaint, h, put } from './dom.js';
import { count, many, moment, size, span, words } from './format.js';
import { follow } from './stream.js';

const MOST = 200;

/** What a link does again and again is counted, if it stands among the last few. */
const NEAR = 4;
const DRAWN_EACH = 250;

const SIGNS = {
  online: '▲', closed: '▼', idle: '◦', taken_over: '⇄', flagged: '⚑', link_up: '▲',
  link_down: '▼', link_stuck: '■', gap: '⋯', phase: '»', command: '↓', missed: '?',
  thread_still: '■', thread_on: '▲', traffic_quiet: '◦', traffic_resumed: '▲',
};

const STATES = {
  connecting: 'connecting…', open: 'live', waiting: 'broken off, trying again…',
  hidden: 'stands still while nobody looks', refused: 'refused',
};

export function happeningsView(place, house, asked) {
  return follower(place, 'What goes on', asked?.get('name') ?? '', undefined);
}

/** Follows everything, or one device; `heard` is told each event. Answers how to leave. */
export function follower(place, title, name, heard) {
  const problem = complaint();
  const state = h('span', { class: 'live' });
  const list = h('ol', { class: 'happenings', 'aria-label': title });
  const none = h('p', { class: 'none' }, 'Nothing has happened since you began to look.');
  const hold = h('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false', click: pause }, 'Hold');
  place.append(
    h('div', { class: 'head' }, h('h2', {}, title), state, hold),
    problem,
    none,
    list,
  );
  let waiting = [];
  let beyond = 0;
  let held = false;
  const timer = setInterval(draw, DRAWN_EACH);
  const stream = follow(`/api/events${query({ name })}`, {
    event(kind, facts) {
      heard?.(kind, facts);
      waiting.push([kind, facts]);
      if (waiting.length > MOST) {
        waiting.shift();
        beyond += 1;
      }
    },
    state(now, fault) {
      put(state, STATES[now]);
      state.dataset.state = now;
      complain(problem, fault);
    },
  });

  function pause() {
    held = !held;
    hold.setAttribute('aria-pressed', String(held));
    put(hold, held ? 'Go on' : 'Hold');
    if (!held) draw();
  }

  function draw() {
    if (held || !waiting.length) return;
    if (beyond) list.prepend(h('li', { class: 'missed' }, `${many(beyond, 'more line')} not shown`));
    for (const [kind, facts] of waiting) again(list, kind, facts) || list.prepend(line(kind, facts, !name));
    waiting = [];
    beyond = 0;
    none.hidden = true;
    while (list.children.length > MOST) list.lastChild.remove();
  }

  return () => {
    clearInterval(timer);
    stream.stop();
  };
}

/** Counts it, and moves it up, where the same was told a moment ago. */
function again(list, kind, facts) {
  const key = sameness(kind, facts);
  const near = [...list.children].slice(0, NEAR).find((one) => key && one.dataset.key === key);
  if (!near) return false;
  const times = Number(near.dataset.times ?? 1) + 1;
  near.dataset.times = times;
  near.querySelector('.times').textContent = ` ×${count(times)}`;
  near.querySelector('time').textContent = moment(facts.time);
  list.prepend(near);
  return true;
}

const sameness = (kind, facts) => (kind.startsWith('link_') ? `${kind} ${facts.upstream}` : undefined);

function line(kind, facts, isNamed) {
  const name = isNamed && facts.name;
  return h(
    'li',
    { class: kind, 'data-key': sameness(kind, facts) },
    h('time', { datetime: facts.time, title: facts.time }, facts.time ? moment(facts.time) : ''),
    h('span', { class: 'mark', 'aria-hidden': 'true' }, SIGNS[kind] ?? '·'),
    h('span', { class: 'kind' }, words(kind)),
    h(
      'span',
      { class: 'about' },
      name && h('a', { href: `#/device/${encodeURIComponent(name)}` }, name),
      name && ' ',
      about(kind, facts),
      h('span', { class: 'times' }),
    ),
  );
}

/** Everything else in a few words. */
function about(kind, facts) {
  switch (kind) {
    case 'online':
      return `from ${facts.peer} at ${facts.listener}`;
    case 'closed': {
      const nobody = facts.name ? '' : `${facts.peer} at ${facts.listener}, nameless: `;
      const had =
        facts.connected_seconds === undefined
          ? ''
          : ` after ${span(facts.connected_seconds)}, ${size(facts.received_bytes)}`;
      return `${nobody}${facts.reason}${had}`;
    }
    case 'idle':
      return `silent for ${span(facts.silent_seconds)}`;
    case 'link_down':
      return `${facts.upstream}: ${facts.error ?? facts.reason ?? rest(facts)}`;
    case 'link_up':
      return `${facts.upstream} at ${facts.peer}`;
    case 'link_stuck':
      return `${facts.upstream} at event ${facts.offset}`;
    case 'gap':
      return `${facts.upstream}: ${many(facts.events, 'event')} never come, ${facts.reason}`;
    case 'flagged':
      return facts.connects ? `it came ${count(facts.connects)} times` : 'taken over too often';
    case 'command':
      return [facts.id, facts.state, facts.reason].filter(Boolean).join(' ');
    case 'traffic_quiet':
    case 'traffic_resumed':
      return many(facts.messages, 'message');
    case 'phase':
      return `the gateway is ${facts.phase}`;
    case 'missed':
      return `${count(facts.events)} of what went on were too much for this page`;
    default:
      return rest(facts);
  }
}

function rest({ event, time, name, session, ...facts }) {
  return Object.values(facts).map((fact) => (typeof fact === 'object' ? JSON.stringify(fact) : String(fact))).join(' · ');
}
