import { render } from "preact";
import { App } from "./app/app.tsx";
import "./theme/tokens.css";
import "./theme/base.css";
import "./theme/controls.css";
import "./theme/parts.css";
import "./theme/shell.css";

render(<App />, document.getElementById("app") as HTMLElement);
