import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Age, ForeignName, ForeignText, numberText } from "screens";
import { Button } from "../../parts/button.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { ShownOnce } from "../../parts/shown-once.tsx";
import { Table } from "../../parts/table.tsx";
import { roleWord, useSession } from "../../session/session.ts";
import { PlantsSeen } from "./plants-choice.tsx";
import { type User, usersQuery } from "./requests.ts";
import { UserSheet } from "./user-sheet.tsx";

/** People who may log in. */
export function UsersView() {
  const users = useInfiniteQuery(usersQuery);
  const session = useSession();
  const [opened, setOpened] = useState<User | "new" | null>(null);
  const [given, setGiven] = useState<{ name: string; password: string } | null>(null);
  return (
    <>
      <div className="flex justify-end">
        <Button look="primary" onClick={() => setOpened("new")}>
          New user
        </Button>
      </div>
      <Listed query={users} rowsOf={(page) => page.users}>
        {(rows) => (
          <Table
            caption="Users, by name"
            rows={rows}
            rowKey={(user) => user.id}
            empty="There is no user."
            columns={[
              {
                key: "name",
                title: "User",
                className: "w-full",
                cell: (user) => (
                  <span className="flex flex-col items-start">
                    <button
                      type="button"
                      onClick={() => setOpened(user)}
                      className="text-left font-medium underline-offset-2 hover:underline"
                    >
                      <ForeignName max={60}>{user.display_name || user.name}</ForeignName>
                    </button>
                    <span className="text-ink-soft text-xs">
                      <ForeignText max={64}>{user.name}</ForeignText>
                      {user.name === session.name && " (you)"}
                    </span>
                  </span>
                ),
              },
              {
                key: "role",
                title: "Role",
                cell: (user) => <span className="whitespace-nowrap">{roleWord(user.role)}</span>,
              },
              {
                key: "plants",
                title: "Plants",
                wideOnly: true,
                cell: (user) => <PlantsSeen all={user.all_plants} ids={user.plants} />,
              },
              {
                key: "login",
                title: "Last log-in",
                wideOnly: true,
                cell: (user) => (
                  <span className="whitespace-nowrap">
                    {user.last_login_at ? <Age of={user.last_login_at} /> : "never"}
                  </span>
                ),
              },
              {
                key: "sessions",
                title: "Sessions",
                number: true,
                wideOnly: true,
                cell: (user) => numberText(user.sessions),
              },
              {
                key: "enabled",
                title: "Status",
                cell: (user) => (user.enabled ? <Badge kind="done">may log in</Badge> : <Badge>disabled</Badge>),
              },
            ]}
          />
        )}
      </Listed>
      {opened && (
        <UserSheet
          key={opened === "new" ? "new" : opened.id}
          user={opened === "new" ? null : opened}
          onPassword={(name, password) => setGiven({ name, password })}
          onClose={() => setOpened(null)}
        />
      )}
      {given && (
        <ShownOnce
          title={`Password of ${given.name}`}
          label="Password"
          secret={given.password}
          onClose={() => setGiven(null)}
        >
          <p>Hand it over in person. They change it under their own name, at the top right.</p>
        </ShownOnce>
      )}
    </>
  );
}
