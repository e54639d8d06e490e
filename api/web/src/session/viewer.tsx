/** The signed-in viewer and their memberships. */
import { createContext, type ReactNode, use } from "react";
import { useQuery } from "urql";
import { ErrorState } from "../controls/states";
import { explain } from "../graphql/client";
import { graphql } from "../graphql/generated";
import type { ViewerQuery } from "../graphql/generated/graphql";
import { AppSkeleton } from "../shell/skeleton";

const VIEWER = graphql(`
  query Viewer {
    viewer {
      subject
      email
      isOperator
      memberships {
        role
        organization { id slug name }
      }
    }
  }
`);

export type Viewer = ViewerQuery["viewer"];
export type Membership = Viewer["memberships"][number];

const ViewerContext = createContext<Viewer | null>(null);

/** Shows its children once the viewer is loaded. */
export function ViewerProvider({ children }: { children: ReactNode }) {
  const [{ data, error }, reload] = useQuery({ query: VIEWER });
  if (error) return <ErrorState message={explain(error)} onRetry={reload} />;
  if (!data) return <AppSkeleton />;
  return <ViewerContext value={data.viewer}>{children}</ViewerContext>;
}

export function useViewer(): Viewer {
  const viewer = use(ViewerContext);
  if (!viewer) throw new Error("useViewer outside of ViewerProvider");
  return viewer;
}
