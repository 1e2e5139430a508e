import { Page } from "../../parts/page.tsx";

export function StopsPage() {
  return <Page title="Stops">{null}</Page>;
}
