import { lazy, StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { SignIn } from "../session/sign-in";
import { useSession } from "../session/token";
import { AppSkeleton } from "../shell/skeleton";
import { applyTheme } from "../shell/theme";
import "../styles/index.css";

const Explorer = lazy(() => import("./explorer"));

function Page() {
  const { token, ended } = useSession();
  if (!token) return <SignIn ended={ended} />;
  return (
    <Suspense fallback={<AppSkeleton />}>
      <Explorer key={token} token={token} />
    </Suspense>
  );
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
