// Uploads with progress that survive a broken line or a closed lid. Without this file the form sends the files itself.
(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form || !window.tus?.isSupported) return;
  const input = form.elements.files;
  const list = form.querySelector("[data-files]");
  const status = form.querySelector("[role=status]");
  const box = form.querySelector(".drop");

  const size = (count) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let at = 0;
    while (count >= 1000 && at < units.length - 1) { count /= 1000; at += 1; }
    return `${count < 10 && at > 0 ? count.toFixed(1) : Math.round(count)} ${units[at]}`;
  };

  const row = (file) => {
    const item = document.createElement("li");
    const name = document.createElement("bdi");
    name.textContent = file.name;
    const says = document.createElement("span");
    says.textContent = ` ${size(file.size)}`;
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", `Progress of ${file.name}`);
    item.append(name, says, bar);
    list.append(item);
    return { says, bar };
  };

  // Read out at quarters: a screen reader is not to be flooded.
  const announce = (file, percent, before) => {
    const quarter = Math.floor(percent / 25) * 25;
    if (quarter > before) status.textContent = `${file.name}: ${quarter} %`;
    return Math.max(quarter, before);
  };

  const link = (place, transfer) => {
    const anchor = document.createElement("a");
    anchor.href = `/t/${encodeURIComponent(transfer)}`;
    anchor.textContent = "See what becomes of it";
    place.textContent = " received. ";
    place.append(anchor);
  };

  const send = (file, lane) => new Promise((done) => {
    const { says, bar } = row(file);
    let quarter = -1;
    let transfer = null;
    const upload = new tus.Upload(file, {
      endpoint: "/api/v1/uploads",
      metadata: { filename: file.name, lane, ...(file.type ? { filetype: file.type } : {}) },
      headers: { "lazaret-csrf": form.elements.csrf.value },
      retryDelays: [0, 1000, 3000, 5000, 10000, 20000],
      removeFingerprintOnSuccess: true,
      onAfterResponse: (_, response) => { transfer = response.getHeader("lazaret-transfer") ?? transfer; },
      onProgress: (sent, total) => {
        bar.value = total ? (100 * sent) / total : 100;
        says.textContent = ` ${size(sent)} of ${size(total)}`;
        quarter = announce(file, bar.value, quarter);
      },
      onError: (error) => {
        const code = error.originalResponse?.getStatus();
        if (code === 401) {
          // The session ended, or its ten minutes for changing something: what arrived is kept, and goes on after a passkey.
          const anchor = document.createElement("a");
          anchor.href = "/sign-in/again?next=/send";
          anchor.textContent = "Show your passkey again";
          says.textContent = " not sent: your passkey is asked for. ";
          says.append(anchor, ", then choose it again: it goes on where it stopped.");
          status.textContent = `${file.name}${says.textContent}`;
          done(false);
          return;
        }
        says.textContent = code === 403 ? " refused: it may not be sent this way." : " not sent. Choose it again: it goes on where it stopped.";
        status.textContent = `${file.name}${says.textContent}`;
        done(false);
      },
      onSuccess: () => {
        bar.value = 100;
        status.textContent = `${file.name}: 100 %, received`;
        if (transfer) link(says, transfer); else says.textContent = " received.";
        done(true);
      },
    });
    upload.findPreviousUploads().then((earlier) => {
      if (earlier.length) upload.resumeFromPreviousUpload(earlier[0]);
      upload.start();
    });
  });

  form.addEventListener("submit", async (event) => {
    if (!input.files.length) return;
    event.preventDefault();
    const lane = form.elements.lane.value;
    const files = [...input.files];
    input.value = "";
    for (const file of files) await send(file, lane);
  });

  box.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("over"); });
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    input.files = event.dataTransfer.files;
    form.requestSubmit();
  });
})();
