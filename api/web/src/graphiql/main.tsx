import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { deferred } from "../controls/deferred";
import { SignIn } from "../session/sign-in";
import { useSession } from "../session/token";
import { AppSkeleton } from "../shell/skeleton";
import { applyTheme } from "../shell/theme";
import "../styles/index.css";

const Explorer = deferred(() => import("./explorer"), <AppSkeleton />);

function Page() {
  const { token, ended } = useSession();
  if (!token) return <SignIn ended={ended} />;
  return <Explorer key={token} token={token} />;
}

applyTheme();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Page />
    </StrictMode>,
  );
}
