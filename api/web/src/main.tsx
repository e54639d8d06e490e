import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { currentToken } from "./session/token";
import { App } from "./shell/app";
import { preparePage } from "./shell/pages";
import { applyTheme } from "./shell/theme";
import "./styles/index.css";

applyTheme();
if (currentToken()) preparePage();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
