// Keeps "3 days ago" true while a page stays open, and gives the exact moment
// in the reader's own time zone.
const steps = [[60, "second"], [60, "minute"], [24, "hour"], [30.44, "day"], [12, "month"], [Infinity, "year"]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

function ago(then) {
  let n = (Date.now() - then) / 1000;
  if (n < 60) return "just now";
  for (const [size, unit] of steps) {
    if (n < size) return words.format(-Math.floor(n), unit);
    n /= size;
  }
}

function refresh() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const then = new Date(time.dateTime);
    time.textContent = ago(then);
    time.title = exact.format(then);
  }
}

refresh();
setInterval(refresh, 60_000);
