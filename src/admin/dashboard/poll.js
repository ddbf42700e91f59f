// Asks again and again, one question after the other, and not while nobody looks.

const SLOWEST = 15_000;

/** Runs `work` now and then each `pause` milliseconds; answers how to hurry it, and how to end it. */
export function poll(pause, work) {
  const stop = new AbortController();
  let timer;
  let isRunning = false;
  let again = false;
  let faults = 0;

  async function run() {
    clearTimeout(timer);
    if (stop.signal.aborted || document.hidden) return;
    if (isRunning) {
      again = true;
      return;
    }
    isRunning = true;
    try {
      await work(stop.signal);
      faults = 0;
    } catch {
      // Whoever works has complained already; whoever is away is not asked so often.
      faults += 1;
    }
    isRunning = false;
    const wait = again ? 0 : Math.min(pause * 2 ** Math.min(faults, 4), Math.max(pause, SLOWEST));
    again = false;
    if (!stop.signal.aborted) timer = setTimeout(run, wait);
  }

  document.addEventListener('visibilitychange', run, { signal: stop.signal });
  run();
  return {
    hurry: run,
    stop() {
      stop.abort();
      clearTimeout(timer);
    },
  };
}
