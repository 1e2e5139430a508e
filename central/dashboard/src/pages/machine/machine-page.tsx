import { Page } from "../../parts/page.tsx";

export function MachinePage() {
  return <Page title="Machine">{null}</Page>;
}
