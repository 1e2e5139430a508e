import { Link, useParams } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { Page } from "../../parts/page.tsx";
import { NotFound } from "../../shell/fallbacks.tsx";
import { LINES } from "./kinds/lines.tsx";
import { MACHINES } from "./kinds/machines.tsx";
import { OPERATORS } from "./kinds/operators.tsx";
import { PLANTS } from "./kinds/plants.tsx";
import { PRODUCTS } from "./kinds/products.tsx";
import { REASONS } from "./kinds/reasons.tsx";
import { WORK_ORDERS } from "./kinds/work-orders.tsx";
import { KIND_WORDS, KINDS, type Kind } from "./kinds.ts";
import { RecordList } from "./record-list.tsx";
import { ShiftsView } from "./shifts/shifts-view.tsx";

const VIEWS: Record<Kind, ReactNode> = {
  machines: <RecordList key="machines" resource={MACHINES} />,
  lines: <RecordList key="lines" resource={LINES} />,
  products: <RecordList key="products" resource={PRODUCTS} />,
  "work-orders": <RecordList key="work-orders" resource={WORK_ORDERS} />,
  reasons: <RecordList key="reasons" resource={REASONS} />,
  operators: <RecordList key="operators" resource={OPERATORS} />,
  shifts: <ShiftsView key="shifts" />,
  plants: <RecordList key="plants" resource={PLANTS} />,
};

/** What the plant is made of, as people maintain it. */
export function RecordsPage() {
  const params = useParams({ from: "/shell/records/$kind" });
  const kind = KINDS.find((one) => one === params.kind);
  const tabs = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: on a phone, the one that was chosen comes into view
  useEffect(() => {
    tabs.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [kind]);
  if (kind === undefined) return <NotFound />;
  return (
    <Page title={KIND_WORDS[kind]}>
      <nav ref={tabs} aria-label="Master data" className="-mx-4 overflow-x-auto px-4 sm:mx-0 sm:px-0">
        <ul className="flex min-w-max border-line border-b">
          {KINDS.map((one) => (
            <li key={one}>
              <Link
                to="/records/$kind"
                params={{ kind: one }}
                search={(before) => ({ plant: before.plant })}
                activeOptions={{ includeSearch: false }}
                className="flex min-h-10 items-center border-transparent border-b-2 px-3 text-ink-soft text-sm hover:text-ink"
                activeProps={{ className: "border-b-ink font-medium text-ink" }}
              >
                {KIND_WORDS[one]}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      {VIEWS[kind]}
    </Page>
  );
}
