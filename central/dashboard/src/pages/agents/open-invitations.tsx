import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Age, ForeignText, momentText } from "screens";
import { answer, api } from "../../api/client.ts";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { ErrorNotice } from "../../parts/notices.tsx";
import { Section } from "../../parts/page.tsx";
import { Table } from "../../parts/table.tsx";
import { useZones } from "../../session/plants.tsx";
import { invitationsQuery } from "./queries.ts";

type Invitation = Schema<"OpenInvitation">;

/** Codes that were made and not used yet; nothing where there is none. */
export function OpenInvitations({ plant }: { plant: string | undefined }) {
  const invitations = useQuery(invitationsQuery(plant));
  const queries = useQueryClient();
  const zoneOf = useZones();
  const [revoked, setRevoked] = useState<Invitation | null>(null);
  if (invitations.isLoadingError) {
    return <ErrorNotice error={invitations.error} onRetry={() => void invitations.refetch()} />;
  }
  const open = invitations.data?.invitations ?? [];
  if (open.length === 0) return null;
  return (
    <Section title="Open invitations">
      <Table
        caption="Open invitations, newest first"
        rows={open}
        rowKey={(invitation) => invitation.id}
        empty="None."
        columns={[
          {
            key: "agent",
            title: "Agent",
            className: "w-full",
            cell: (invitation) => (
              <>
                <span className="font-medium">
                  <ForeignText max={40}>{invitation.agent}</ForeignText>
                </span>{" "}
                <span className="text-ink-soft">
                  in <ForeignText max={40}>{invitation.plant}</ForeignText>
                </span>
              </>
            ),
          },
          {
            key: "by",
            title: "Made",
            wideOnly: true,
            cell: (invitation) => (
              <span className="whitespace-nowrap">
                <Age of={invitation.created_at} /> by{" "}
                <ForeignText max={40}>{invitation.created_by_name ?? invitation.created_by}</ForeignText>
              </span>
            ),
          },
          {
            key: "until",
            title: "Good until",
            cell: (invitation) => (
              <span className="whitespace-nowrap">
                {momentText(invitation.expires_at, "dayAndTime", zoneOf(invitation.plant))}
              </span>
            ),
          },
          {
            key: "revoke",
            title: <span className="sr-only">Revoke</span>,
            cell: (invitation) => (
              <Button
                small
                look="quiet"
                aria-label={`Revoke the invitation of ${invitation.agent}`}
                onClick={() => setRevoked(invitation)}
              >
                Revoke
              </Button>
            ),
          },
        ]}
      />
      {revoked && (
        <Confirm
          title={`Revoke the invitation of ${revoked.agent}?`}
          action="Revoke"
          danger
          run={async () => {
            const params = { path: { invitation: revoked.id } };
            await answer(api.DELETE("/agents/invitations/{invitation}", { params }));
            await queries.invalidateQueries({ queryKey: ["agents"] });
          }}
          onClose={() => setRevoked(null)}
        >
          <p>
            Its code lets nobody in any more. A printed sheet with it is waste paper; another invitation can be made.
          </p>
        </Confirm>
      )}
    </Section>
  );
}
