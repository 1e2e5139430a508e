import { useRef, useState } from "react";
import { ForeignName, ForeignText } from "screens";
import { Choice } from "../parts/field.tsx";
import { DownIcon, HelpIcon, UserIcon } from "../parts/icons.tsx";
import { useLogOut } from "../session/log-in.ts";
import { roleWord, useSession } from "../session/session.ts";
import { choosePalette, chooseTheme, currentPalette, currentTheme } from "./appearance.ts";
import { ChangePassword } from "./change-password.tsx";

/** Who is logged on, how it looks, and the way out. */
export function UserMenu({ onHelp }: { onHelp: () => void }) {
  const session = useSession();
  const logOut = useLogOut();
  const menu = useRef<HTMLDivElement>(null);
  const [theme, setTheme] = useState(currentTheme);
  const [palette, setPalette] = useState(currentPalette);
  const [changingPassword, setChangingPassword] = useState(false);
  const [refused, setRefused] = useState(false);
  const close = () => menu.current?.hidePopover();
  const item = "flex min-h-10 w-full items-center gap-3 rounded-control px-3 text-left hover:bg-trough";
  return (
    <>
      <button
        type="button"
        popoverTarget="user-menu"
        className="flex min-h-9 items-center gap-2 rounded-control px-2 hover:bg-trough"
        aria-label={`Menu of ${session.display_name || session.name}`}
      >
        <UserIcon />
        <span className="hidden max-w-40 truncate lg:inline">
          <ForeignName max={40}>{session.display_name || session.name}</ForeignName>
        </span>
        <DownIcon className="text-ink-soft" />
      </button>
      <div
        id="user-menu"
        ref={menu}
        popover="auto"
        className="fixed inset-auto top-13 right-3 m-0 w-72 rounded-card bg-raised p-2 text-ink shadow-raised sm:right-6"
      >
        <div className="px-3 pt-1 pb-3">
          <p className="truncate font-semibold">
            <ForeignText max={60}>{session.display_name || session.name}</ForeignText>
          </p>
          <p className="text-ink-soft text-sm">{roleWord(session.role)}</p>
        </div>
        <div className="flex flex-col gap-3 border-line border-y px-3 py-3">
          <div className="flex flex-col gap-1 text-sm">
            <span>Appearance</span>
            <Choice
              label="Appearance"
              value={theme}
              options={[
                { value: "system", label: "System" },
                { value: "light", label: "Light" },
                { value: "dark", label: "Dark" },
              ]}
              onChange={(value) => {
                chooseTheme(value);
                setTheme(value);
              }}
            />
          </div>
          <div className="flex flex-col gap-1 text-sm">
            <span>Running machines are shown</span>
            <Choice
              label="Running machines are shown"
              value={palette}
              options={[
                { value: "calm", label: "Grey" },
                { value: "lamps", label: "Green" },
              ]}
              onChange={(value) => {
                choosePalette(value);
                setPalette(value);
              }}
            />
          </div>
        </div>
        <div className="pt-2">
          <button
            type="button"
            className={item}
            onClick={() => {
              close();
              onHelp();
            }}
          >
            Signs and keys <HelpIcon className="ml-auto text-ink-soft" />
          </button>
          <button
            type="button"
            className={item}
            onClick={() => {
              close();
              setChangingPassword(true);
            }}
          >
            Change password
          </button>
          <button type="button" className={item} onClick={() => void logOut().catch(() => setRefused(true))}>
            Log out
          </button>
          {refused && (
            <p role="alert" className="px-3 pb-1 text-alarm text-sm">
              Not logged out: central cannot be reached. Try again, or lock the computer.
            </p>
          )}
        </div>
      </div>
      {changingPassword && <ChangePassword onClose={() => setChangingPassword(false)} />}
    </>
  );
}
