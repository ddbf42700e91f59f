// Elements, never markup: whatever a device says ends up in a text node.

/** An element with attributes (functions are listeners) and children; nothing stands for none. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== ''));
  return element;
}

/** Sets a text, and touches nothing where it is the same: a selection stays. */
export function put(element, text) {
  const said = String(text ?? '');
  if (element.textContent !== said) element.textContent = said;
  return element;
}

/** Sets or takes away an attribute. */
export function mark(element, name, value) {
  if (value == null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** A table with a heading for each column: `{ title, kind, cell }`, where `kind` is its class. */
export class Table {
  constructor(caption, columns, { empty = 'none' } = {}) {
    this.columns = columns;
    this.rows = new Map();
    this.body = h('tbody');
    this.none = h('p', { class: 'none', hidden: true }, empty);
    const headings = columns.map(({ title, kind }) => h('th', { scope: 'col', class: kind }, title));
    const table = h(
      'table',
      {},
      h('caption', { class: 'unseen' }, caption),
      h('thead', {}, h('tr', {}, headings)),
      this.body,
    );
    this.element = h('div', { class: 'scroll' }, table, this.none);
  }

  /** Shows these, each known by its key; rows that stay are kept, and with them the focus. */
  show(items, key) {
    const rows = items.map((item) => {
      const name = key(item);
      const row = this.rows.get(name) ?? this.row();
      this.columns.forEach(({ cell }, at) => this.fill(row.cells[at], cell(item)));
      return [name, row];
    });
    this.rows = new Map(rows);
    const wanted = rows.map(([, row]) => row);
    const have = [...this.body.children];
    const same = wanted.length === have.length && wanted.every((row, at) => row === have[at]);
    if (!same) this.body.replaceChildren(...wanted);
    this.none.hidden = items.length > 0;
  }

  say(empty) {
    put(this.none, empty);
  }

  row() {
    const cells = this.columns.map(({ kind, title }) => h('td', { class: kind, 'data-title': title }));
    return h('tr', {}, cells);
  }

  /** A text, or what is known by its `key`: it is replaced only when that changes. */
  fill(cell, content) {
    if (content == null || typeof content !== 'object') {
      put(cell, content);
      return;
    }
    const { key, make } = content;
    if (cell.dataset.key === key) return;
    cell.dataset.key = key;
    cell.replaceChildren(...[make()].flat());
  }
}

/** Asks whether it is meant; true if it is. */
export function confirmed(title, text, action) {
  return new Promise((answer) => {
    const dialog = h('dialog', { 'aria-labelledby': 'confirm-title', class: 'confirm' });
    const end = (said) => () => dialog.close(said);
    dialog.append(
      h('h2', { id: 'confirm-title' }, title),
      h('p', {}, text),
      h(
        'p',
        { class: 'actions' },
        h('button', { type: 'button', click: end('') , autofocus: true }, 'Leave it'),
        h('button', { type: 'button', class: 'grave', click: end('yes') }, action),
      ),
    );
    dialog.addEventListener('close', () => {
      answer(dialog.returnValue === 'yes');
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A place for what went wrong. */
export function complaint() {
  return h('p', { class: 'problem', role: 'alert', hidden: true });
}

/** Says what went wrong there; nothing takes it away. */
export function complain(place, problem) {
  if (problem?.name === 'AbortError') return;
  const text = problem && (problem.title ? `${problem.title}: ${problem.message}` : `${problem}`);
  put(place, text);
  place.hidden = !problem;
}
