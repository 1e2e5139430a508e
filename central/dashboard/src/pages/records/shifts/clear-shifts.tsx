import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { serverNow } from "screens";
import { answer, api } from "../../../api/client.ts";
import { Confirm } from "../../../parts/confirm.tsx";
import { TextField } from "../../../parts/field.tsx";
import { fromLocalInput, toLocalInput } from "../../../time/zone.ts";

const DAY_MS = 86_400_000;

/** Takes shifts of the future out of the calendar; those that began stay, because numbers were counted by them. */
export function ClearShifts({ plant, time_zone, onClose }: { plant: string; time_zone: string; onClose: () => void }) {
  const queries = useQueryClient();
  const tomorrow = toLocalInput(serverNow() + DAY_MS, time_zone).slice(0, 10);
  const [from, setFrom] = useState(tomorrow);
  const [to, setTo] = useState("");
  const moment = (day: string, days = 0) =>
    new Date(fromLocalInput(`${day}T00:00`, time_zone) + days * DAY_MS).toISOString();
  return (
    <Confirm
      title={`Clear shifts of ${plant}`}
      action="Clear these shifts"
      danger
      run={async () => {
        const query = { plant, from: moment(from), ...(to !== "" && { to: moment(to, 1) }) };
        await answer(api.DELETE("/shifts", { params: { query } }));
        await queries.invalidateQueries({ queryKey: ["master_data"] });
      }}
      onClose={onClose}
    >
      <p>Shifts that begin in this time are taken out of the calendar. Plan others in their place.</p>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          label="From"
          type="date"
          required
          min={tomorrow}
          value={from}
          onChange={(event) => setFrom(event.target.value)}
        />
        <TextField
          label="To, inclusive"
          hint="Empty: all that follow."
          type="date"
          min={from}
          value={to}
          onChange={(event) => setTo(event.target.value)}
        />
      </div>
    </Confirm>
  );
}
