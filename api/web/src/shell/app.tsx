import { useMemo } from "react";
import { Provider } from "urql";
import { connect } from "../graphql/client";
import { SignIn } from "../session/sign-in";
import { useSession } from "../session/token";
import { ViewerProvider } from "../session/viewer";
import { Pages } from "./pages";

/** Shows the sign-in page or the app. */
export function App() {
  const { token, ended } = useSession();
  const client = useMemo(() => (token ? connect(token) : null), [token]);
  if (!client) return <SignIn ended={ended} />;
  return (
    <Provider value={client}>
      <ViewerProvider>
        <Pages />
      </ViewerProvider>
    </Provider>
  );
}
