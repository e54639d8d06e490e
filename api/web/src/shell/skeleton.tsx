import { Skeleton } from "../controls/states";
import { Logo } from "./logo";

/** Outline of the app while it loads. */
export function AppSkeleton() {
  return (
    <div className="shell" aria-busy="true">
      <div className="sidebar">
        <Logo />
      </div>
      <main className="content">
        <div className="page">
          <Skeleton width="12rem" />
        </div>
      </main>
    </div>
  );
}
