// A page from a file system may not have a worker: there the search runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      const { port1, port2 } = new MessageChannel();
      this.port = port1;
      this.port.onmessage = (event) => this.onmessage?.(event);
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => port2.postMessage(data);
      const script = inside.document.createElement("script");
      script.src = new URL(url, location).href;
      script.onload = () => (port2.onmessage = (event) => inside.onmessage(event)); // what came before has waited
      script.onerror = (event) => this.onerror?.(event);
      inside.document.head.append(script);
    }

    postMessage(data) {
      this.port.postMessage(data);
    }

    terminate() {
      this.port.close();
      this.frame.remove();
    }
  };
}
