// One device: its session, what happens to it, what is sent to it, and its bytes as they pass.
import { ask, deviceAt, query } from './api.js';
import { CommandsView } from './commands.js';
import { complain, complaint, confirmed, h, put } from './dom.js';
import { count, instant, many, moment, size, span } from './format.js';
import { follower } from './happenings.js';
import { poll } from './poll.js';
import { TapView } from './tap.js';

/** Of one that is not here the stream tells when it comes; it is asked for only now and then. */
const SELDOM = 5;

export function deviceView(place, house, name) {
  const problem = complaint();
  const gone = h('p', { class: 'gone', role: 'status', hidden: true });
  const facts = h('dl', { class: 'facts' });
  const kickButton = h('button', { type: 'button', class: 'grave', click: kick }, 'Let go of it…');
  const happenings = h('section', { class: 'part' });
  const commands = new CommandsView(name, house);
  const tap = new TapView(`${deviceAt(name)}/tap`);
  place.append(
    h(
      'div',
      { class: 'head' },
      h('h2', { class: 'device' }, name),
      h('a', { href: '#/devices' }, 'all devices'),
      house.mayChange ? kickButton : null,
    ),
    problem,
    gone,
    facts,
    h('div', { class: 'parts' }, commands.element, happenings),
    tap.element,
  );
  let isHere = true;
  let turns = 0;
  const look = poll(2000, async (signal) => {
    turns += 1;
    if (!isHere && turns % SELDOM) return;
    try {
      const device = await ask(deviceAt(name), { signal });
      isHere = true;
      show(device);
      complain(problem);
    } catch (fault) {
      if (fault.status === 404) {
        complain(problem);
        await left(fault, signal);
        return;
      }
      complain(problem, fault);
      throw fault;
    }
  });
  const leave = follower(happenings, 'What happens to it', name, (kind, facts) => {
    if (kind === 'command') commands.hear(facts);
    if (!['online', 'closed', 'flagged'].includes(kind)) return;
    isHere = true;
    look.hurry();
  });

  function show(device) {
    gone.hidden = true;
    kickButton.hidden = false;
    showFacts(rows(device));
  }

  /** It is not here: when and how it went, if that is still known. */
  async function left(fault, signal) {
    kickButton.hidden = true;
    if (!isHere) return;
    isHere = false;
    const ended = await ask(`/api/sessions/closed${query({ name, limit: 1 })}`, { signal });
    const last = ended.sessions[0];
    gone.hidden = false;
    put(gone, `${fault.message}${last ? '' : ', and it is not among the last 10,000 endings'}`);
    showFacts(last ? lastRows(last) : []);
  }

  function showFacts(told) {
    if (facts.children.length !== told.length) {
      facts.replaceChildren(...told.map(() => h('div', {}, h('dt'), h('dd'))));
    }
    told.forEach(([title, value], at) => {
      const [dt, dd] = facts.children[at].children;
      put(dt, title);
      if (!(value instanceof Node)) put(dd, value);
      else if (dd.textContent !== value.textContent) dd.replaceChildren(value);
    });
  }

  async function kick() {
    const text = 'What is queued for it is written, then its session ends as kicked. It may connect again at once.';
    if (!(await confirmed(`Let go of ${name}?`, text, 'Let go'))) return;
    try {
      complain(problem);
      await ask(`${deviceAt(name)}/session`, { method: 'DELETE' });
    } catch (fault) {
      complain(problem, fault);
    }
    look.hurry();
  }

  return () => {
    look.stop();
    leave();
    commands.leave();
    tap.leave();
  };
}

function rows(device) {
  const told = [
    ['state', device.state],
    ['from', device.peer],
    ['listener', device.listener],
    ['connected', `${moment(device.connected_at)}, ${span(device.connected_seconds)} ago`],
    ['silent', span(device.silent_seconds)],
    ['received', `${size(device.received_bytes)} (${many(device.received_bytes, 'byte')})`],
    ['sent', `${size(device.sent_bytes)} (${many(device.sent_bytes, 'byte')})`],
    ['data events', count(device.data_events)],
    ['session', device.session],
  ];
  if (device.flagged) {
    told.push(['flagged', h('a', { href: '#/flapping' }, 'comes and goes too often')]);
  }
  if (device.is_behind) told.push(['behind', 'a connection that several devices share']);
  if (device.beside?.length > 1) told.push(['beside it', beside(device)]);
  return told;
}

function beside({ name, beside: names }) {
  const links = names
    .filter((other) => other !== name)
    .flatMap((other) => [h('a', { href: `#/device/${encodeURIComponent(other)}` }, other), ' ']);
  return h('span', {}, links);
}

function lastRows(session) {
  return [
    ['ended', `${instant(session.time)} as ${session.reason}`],
    ['from', session.peer],
    ['listener', session.listener],
    ['lasted', span(session.connected_seconds)],
    ['received', `${size(session.received_bytes)} (${many(session.received_bytes, 'byte')})`],
    ['sent', `${size(session.sent_bytes)} (${many(session.sent_bytes, 'byte')})`],
    ['session', session.session],
  ];
}
