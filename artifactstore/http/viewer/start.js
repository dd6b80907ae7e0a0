// Shows the document of this service, and asks nobody else: no validator, no document that a query names.
const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", dress);
dress();

// The path of an operation stands in the button that opens it: a link there would be out of reach.
const isOfOperation = ({path}) => path.includes("/");
const withoutNestedLinks = ({React}) => ({
  wrapComponents: {
    DeepLink: (Link) => (props) => isOfOperation(props)
      ? React.createElement("span", null, props.text)
      : React.createElement(Link, props),
  },
});

// What is wider than its place is scrolled by keyboard, too.
const SCROLLED = "pre.microlight, .table-container, .headers-wrapper";
const reachable = () => document.querySelectorAll(SCROLLED).forEach((one) => { one.tabIndex = 0; });
new MutationObserver(reachable).observe(document.getElementById("viewer"), {childList: true, subtree: true});

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  persistAuthorization: false,
  plugins: [withoutNestedLinks],
  queryConfigEnabled: false,
  syntaxHighlight: {activated: false},
  validatorUrl: null,
});
