/** Components whose code is fetched when they are first shown, or a little before. */
import { type ComponentType, type ReactNode, useCallback, useEffect, useReducer } from "react";
import { type Failure, failureOf, untilReachable } from "./load-failure";
import { ErrorState } from "./states";

type Deferred<Props> = ComponentType<Props> & {
  /** Starts to fetch the code, since the component is about to be shown. */
  prepare: () => Promise<void>;
};

/**
 * Creates a component whose code `load` fetches; shows `waiting` meanwhile.
 *
 * Not `lazy` with `Suspense`: React delays what Suspense reveals for up to 300 ms, and would show the fallback
 * first even if the code is already there.
 */
export function deferred<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  waiting: ReactNode = null,
): Deferred<Props> {
  let Loaded: ComponentType<Props> | undefined;
  let failure: Failure | undefined;
  let loading: Promise<void> | undefined;
  const prepare = () => {
    loading ??= load().then(
      (module) => {
        Loaded = module.default;
        failure = undefined;
      },
      async () => {
        failure = await failureOf();
        // A later attempt may succeed.
        loading = undefined;
      },
    );
    return loading;
  };
  // biome-ignore lint/correctness/noComponentHookFactories: made once, at a module's top, as by `lazy`
  function Deferred(props: Props) {
    const [, look] = useReducer((looks: number) => looks + 1, 0);
    const retry = useCallback(() => void prepare().then(look), []);
    // Also needed if the code arrived after the first rendering, when nothing listened for it yet.
    useEffect(retry, [retry]);
    if (Loaded) return <Loaded {...props} />;
    return failure ? <Failed failure={failure} onRetry={retry} /> : waiting;
  }
  return Object.assign(Deferred, { prepare });
}

/** Shows why code could not be fetched, and fetches it automatically once the server is reachable again. */
function Failed({ failure, onRetry }: { failure: Failure; onRetry: () => void }) {
  useEffect(() => (failure === "unreachable" ? untilReachable(onRetry) : undefined), [failure, onRetry]);
  switch (failure) {
    case "unreachable": {
      const message =
        "The server can't be reached. Check your network. This page loads automatically once it is back.";
      return <ErrorState message={message} onRetry={onRetry} />;
    }
    case "version": {
      const message = "The server is running a new version. Reload the page.";
      return <ErrorState message={message} onRetry={() => location.reload()} />;
    }
    case "unknown": {
      const message = "A part of the app could not be loaded, although the server responds. Reload the page.";
      return <ErrorState message={message} onRetry={() => location.reload()} />;
    }
  }
}
