import { useNavigate, useSearch } from "@tanstack/react-router";
import { Choice } from "../../parts/field.tsx";
import { Empty } from "../../parts/notices.tsx";
import { Page } from "../../parts/page.tsx";
import { useMay } from "../../session/session.ts";
import { AuditView } from "./audit-view.tsx";
import { TokensView } from "./tokens-view.tsx";
import { UsersView } from "./users-view.tsx";
import { USER_VIEW_WORDS, USER_VIEWS } from "./views.ts";

/** Who may do what, and who did what. */
export function UsersPage() {
  const { show = "users" } = useSearch({ from: "/shell/users" });
  const navigate = useNavigate();
  if (!useMay("users:write")) {
    return (
      <Page title="Users">
        <Empty>Only administrators see who may do what.</Empty>
      </Page>
    );
  }
  return (
    <Page title={USER_VIEW_WORDS[show]}>
      <div>
        <Choice
          label="What is shown"
          value={show}
          options={USER_VIEWS.map((value) => ({ value, label: USER_VIEW_WORDS[value] }))}
          onChange={(value) => void navigate({ to: ".", search: (before) => ({ plant: before.plant, show: value }) })}
        />
      </div>
      {show === "users" && <UsersView />}
      {show === "tokens" && <TokensView />}
      {show === "audit" && <AuditView />}
    </Page>
  );
}
