/** Code that is fetched when it is first shown, or a little before. */
import { type ComponentType, type ReactNode, useEffect, useReducer } from "react";
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
  let hasFailed = false;
  let loading: Promise<void> | undefined;
  const prepare = () => {
    loading ??= load().then(
      (module) => {
        Loaded = module.default;
      },
      () => {
        hasFailed = true;
      },
    );
    return loading;
  };
  // biome-ignore lint/correctness/noComponentHookFactories: made once, at a module's top, as by `lazy`
  function Deferred(props: Props) {
    const [, look] = useReducer((looks: number) => looks + 1, 0);
    useEffect(() => {
      if (!Loaded) void prepare().then(look);
    }, []);
    if (hasFailed) {
      const message = "The server may run another version by now. Load the page anew.";
      return <ErrorState message={message} onRetry={() => location.reload()} />;
    }
    return Loaded ? <Loaded {...props} /> : waiting;
  }
  return Object.assign(Deferred, { prepare });
}
