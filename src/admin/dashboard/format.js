// Numbers, times and bytes as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** 20,000 */
export const count = (number) => whole.format(number ?? 0);

/** So many a second: 0.3, 12, 1,204 */
export function rate(number) {
  if (number == null) return '–';
  return number > 0 && number < 10 ? number.toFixed(1) : count(Math.round(number));
}

/** 812 B, 29 KB, 1.4 MB */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** 3 s, 4 min 10 s, 2 h 5 min, 3 d 4 h */
export function span(seconds) {
  if (seconds == null) return '–';
  const s = Math.max(0, Math.floor(seconds));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600), Math.floor(s / 60)];
  if (s < 60) return `${s} s`;
  if (m < 60) return s % 60 ? `${m} min ${s % 60} s` : `${m} min`;
  if (h < 24) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  return h % 24 ? `${d} d ${h % 24} h` : `${d} d`;
}

const two = (number) => String(number).padStart(2, '0');

/** 14:03:07, or with the day where that is not today; in the browser's own time. */
export function moment(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return String(time ?? '');
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const isToday = at.toDateString() === new Date().toDateString();
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return isToday ? clock : `${day} ${clock}`;
}

/** 14:03:07.123 */
export function instant(time) {
  const at = new Date(time);
  return `${moment(time)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** One of them, or several. */
export const many = (number, one, more = `${one}s`) =>
  `${count(number)} ${number === 1 ? one : more}`;

/** `peer_closed` as words. */
export const words = (key) => String(key ?? '').replaceAll('_', ' ');
