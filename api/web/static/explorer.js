// The GraphQL explorer's page.
import { ask, element, visit } from "./token.js";

// GraphiQL writes HTML of its own making. Under Trusted Types that needs a policy; this one lets HTML through, whose
// scripts the Content-Security-Policy stops, and nothing that is itself a script or a script's address.
window.trustedTypes?.createPolicy("default", { createHTML: (html) => html });

const FIRST_QUERY = `# What a host gets, and where each value was written.
# Ctrl+Enter runs the query; Ctrl+Space completes.
query Trace {
  trace(hostname: "web01.prod.example.com") {
    matched
    matchPattern
    environment
    roles
    configcrates
    varSources {
      key
      value
      source
      place {
        file
        line
      }
    }
    resourceCount
  }
}
`;

let root = null;

const fetcher = async (parameters) => {
  const response = await ask(parameters);
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return { errors: [{ message: `The server answered ${response.status} without JSON.` }] };
  }
};

const open = () => {
  root = ReactDOM.createRoot(element("explorer"));
  root.render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultQuery: FIRST_QUERY,
      isHeadersEditorEnabled: false,
      shouldPersistHeaders: false,
      defaultEditorToolsVisibility: false,
    }),
  );
};

const close = () => {
  root?.unmount();
  root = null;
};

visit(open, close);
