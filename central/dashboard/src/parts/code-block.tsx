/** Text as it is, which scrolls sideways inside itself. */
export function CodeBlock({ label, children }: { label: string; children: string }) {
  return (
    // A part that scrolls is reached by the keyboard too.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it can be scrolled by keys
    <section aria-label={label} tabIndex={0} className="overflow-x-auto rounded-card border border-line bg-canvas">
      <pre className="w-max p-3 font-mono text-xs">{children}</pre>
    </section>
  );
}
