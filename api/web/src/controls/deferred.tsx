/** Code that is fetched when it is first shown, or a little before. */
import { type ComponentType, type ReactNode, useCallback, useEffect, useReducer } from "react";
import { type Failure, failureOf, untilReachable } from "./load-failure";
import { ErrorState } from "./states";

type Deferred<Props> = ComponentType<Props> & {
  /** Begins to fetch it: it is about to be shown. */
  prepare: () => Promise<void>;
};

/**
 * A component whose code `load` fetches; `waiting` stands in its place meanwhile.
 *
 * Not `lazy` with `Suspense`: React holds back what is revealed by that for up to 300 ms, and whoever has it
 * already would still see the fallback first.
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
        // Another time it may be there.
        loading = undefined;
      },
    );
    return loading;
  };
  // biome-ignore lint/correctness/noComponentHookFactories: made once, at a module's top, as by `lazy`
  function Deferred(props: Props) {
    const [, look] = useReducer((looks: number) => looks + 1, 0);
    const retry = useCallback(() => void prepare().then(look), []);
    // Also if the code is there by now: it may have arrived after this was drawn, when nobody listened yet.
    useEffect(retry, [retry]);
    if (Loaded) return <Loaded {...props} />;
    return failure ? <Failed failure={failure} onRetry={retry} /> : waiting;
  }
  return Object.assign(Deferred, { prepare });
}

/** Says why code could not be fetched, and fetches it by itself once the server is reached again. */
function Failed({ failure, onRetry }: { failure: Failure; onRetry: () => void }) {
  useEffect(() => (failure === "unreachable" ? untilReachable(onRetry) : undefined), [failure, onRetry]);
  switch (failure) {
    case "unreachable": {
      const message =
        "The server can't be reached. Check the network: this page loads by itself once it is back.";
      return <ErrorState message={message} onRetry={onRetry} />;
    }
    case "version": {
      const message = "The server runs another version by now. Load the page anew.";
      return <ErrorState message={message} onRetry={() => location.reload()} />;
    }
    case "unknown": {
      const message = "A part of the app could not be loaded, though the server answers. Load the page anew.";
      return <ErrorState message={message} onRetry={() => location.reload()} />;
    }
  }
}
