import { type ReactNode, useEffect, useId, useRef } from "react";
import { useStation } from "../station/station";
import { Button } from "./button";
import { Icon } from "./icon";

/**
 * What is done on its own, over the page, which is inert meanwhile. Not the browser's own modal: that would make what
 * says "stored" inert as well. On a phone it takes the whole screen.
 */
export function Panel({
  title,
  children,
  footer,
  onBack,
  wide = false,
}: {
  title: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  onBack?: () => void;
  wide?: boolean;
}) {
  const { texts, close } = useStation();
  const heading = useId();
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const first = panel.current?.querySelector<HTMLElement>("[data-first]") ?? panel.current;
    first?.focus({ preventScroll: true });
    return () => {
      // The page is no longer inert only after this.
      if (before instanceof HTMLElement) setTimeout(() => before.isConnected && before.focus({ preventScroll: true }));
    };
  }, []);
  return (
    <div className="fixed inset-0 z-20 flex items-center justify-center bg-[rgb(0_0_0/55%)] sm:p-4">
      <div
        ref={panel}
        role="dialog"
        aria-modal="true"
        aria-labelledby={heading}
        tabIndex={-1}
        onKeyDown={(event) => event.key === "Escape" && close()}
        className={`flex max-h-full w-full flex-col bg-canvas shadow-raised outline-none max-sm:h-full sm:rounded-card ${wide ? "sm:max-w-4xl" : "sm:max-w-2xl"}`}
      >
        <header className="flex items-center gap-2 border-line border-b py-2 pr-2 pl-5">
          {onBack && (
            <Button look="quiet" className="-ml-4 min-w-12 px-2" aria-label={texts.back} onClick={onBack}>
              <Icon name="back" />
            </Button>
          )}
          <h2 id={heading} className="min-w-0 flex-1 font-semibold text-xl">
            {title}
          </h2>
          <Button look="quiet" className="min-w-12 px-2" aria-label={texts.close} onClick={close}>
            <Icon name="close" />
          </Button>
        </header>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <div className="min-h-0 flex-1 overflow-y-auto p-4 sm:p-5" tabIndex={0}>
          {children}
        </div>
        {footer && <footer className="border-line border-t p-4">{footer}</footer>}
      </div>
    </div>
  );
}
