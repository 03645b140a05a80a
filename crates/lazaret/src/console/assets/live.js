// What follows by itself: times in the reader's own zone, the count of approvals, and the end of a session announced in
// time to prevent it. Pages are whole without this file.
(() => {
  const format = (options) => new Intl.DateTimeFormat(undefined, options);
  const day = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  const full = format(day);
  const short = format({ hour: "2-digit", minute: "2-digit" });
  const seconds = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

  const localTimes = (root) => {
    for (const element of root.querySelectorAll("time[data-as]")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      element.textContent = { full, short, seconds }[element.dataset.as].format(at);
      element.title = element.dateTime;
    }
  };

  const badge = (waiting) => {
    for (const element of document.querySelectorAll("[data-waiting]")) element.textContent = `(${waiting})`;
  };

  const alert = (text, label, act) => {
    const box = document.querySelector("#alerts");
    if (!box || box.dataset.text === text) return;
    box.dataset.text = text;
    box.replaceChildren(document.createTextNode(`${text} `));
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", act);
    box.append(button);
    box.hidden = false;
  };

  const quiet = () => {
    const box = document.querySelector("#alerts");
    box.hidden = true;
    delete box.dataset.text;
    box.replaceChildren();
  };

  const stay = async () => {
    const answer = await fetch("/console/stay", { headers: { Accept: "text/plain" } });
    if (answer.ok) quiet();
  };

  // A page that is being left already goes where its reader sent it. A download begins like a departure and is none.
  let leaving = false;
  addEventListener("beforeunload", () => { leaving = true; setTimeout(() => { leaving = false; }, 10_000); });

  // Nothing stays on the screen of a shared computer.
  const leave = () => leaving || location.replace(`/sign-in?ended=1&next=${encodeURIComponent(location.pathname + location.search)}`);

  document.addEventListener("news", (event) => badge(event.detail.data));
  document.addEventListener("ending", () => alert("You will be signed out in two minutes.", "Stay signed in", stay));
  document.addEventListener("ended", leave);
  document.addEventListener("htmx:after:swap", () => localTimes(document));
  document.addEventListener("DOMContentLoaded", () => localTimes(document));
})();
