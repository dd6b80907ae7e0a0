// A file is looked for by its digest, which is computed here: its bytes go nowhere.
"use strict";
(() => {
  const zone = document.querySelector("[data-drop-zone]");
  const form = document.querySelector("form[data-drop]");
  if (!zone || !form || !window.crypto || !crypto.subtle) return;
  const status = zone.querySelector("[data-drop-status]");
  const most = 1 << 30; // WebCrypto takes the whole file at once.
  zone.hidden = false;

  const look = async (file) => {
    if (!file) return;
    if (file.size > most) {
      status.textContent = "The file is over 1 GiB: compute its digest with b3sum or sha256sum, and paste that.";
      return;
    }
    status.textContent = `Computing the SHA-256 of ${file.name}…`;
    try {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
      form.elements.q.value = "sha256:" + Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
      form.requestSubmit();
    } catch (problem) {
      status.textContent = `The file cannot be read: ${problem.message}`;
    }
  };

  zone.querySelector("[data-drop-file]").addEventListener("change", (event) => look(event.target.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", () => zone.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    look(event.dataTransfer.files[0]);
  });
})();
