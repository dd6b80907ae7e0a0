// A page from a file system may not have a worker: there the search runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.inside = this.frame.contentWindow;
      this.inside.postMessage = (data) => this.onmessage?.({ data });
      const script = this.inside.document.createElement("script");
      script.src = new URL(url, location).href;
      this.ready = new Promise((resolve) => (script.onload = resolve));
      script.onerror = () => this.onerror?.(new Event("error"));
      this.inside.document.head.append(script);
    }

    postMessage(data) {
      this.ready.then(() => this.inside.onmessage({ data }));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
