/** Line drawings on 20 by 20, as large as the text beside them. Never alone: a word or a label says the same. */
interface IconProps {
  className?: string;
}

function Drawing({ lines, className = "" }: IconProps & { lines: string }) {
  return (
    <svg
      viewBox="0 0 20 20"
      className={`size-[1.25em] shrink-0 ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={lines} />
    </svg>
  );
}

export const TilesIcon = (props: IconProps) => (
  <Drawing {...props} lines="M3 3h6v6H3zM11 3h6v6h-6zM3 11h6v6H3zM11 11h6v6h-6z" />
);
export const StopsIcon = (props: IconProps) => (
  <Drawing {...props} lines="M6.7 2.5h6.6l4.2 4.2v6.6l-4.2 4.2H6.7l-4.2-4.2V6.7zM6.5 10h7" />
);
export const AgentsIcon = (props: IconProps) => (
  <Drawing {...props} lines="M3 3.5h14v5H3zM3 11.5h14v5H3zM6 6h.01M6 14h.01M9.5 6h4.5M9.5 14h4.5" />
);
export const WorkIcon = (props: IconProps) => (
  <Drawing {...props} lines="M2.5 11h4l1.5 2.5h4L13.5 11h4M4.5 4h11l2 7v5h-15v-5z" />
);
export const RecordsIcon = (props: IconProps) => <Drawing {...props} lines="M3 4h14v12H3zM3 8h14M3 12h14M8 8v8" />;
export const UsersIcon = (props: IconProps) => (
  <Drawing
    {...props}
    lines="M7.5 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6M2 17c0-3 2.5-5 5.5-5s5.5 2 5.5 5M13 3.4a3 3 0 0 1 0 5.2M15 12.5c2 .7 3 2.4 3 4.5"
  />
);
export const UserIcon = (props: IconProps) => (
  <Drawing {...props} lines="M10 9.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M3.5 17.5c0-3.5 3-5.5 6.5-5.5s6.5 2 6.5 5.5" />
);
export const ScreenIcon = (props: IconProps) => <Drawing {...props} lines="M2.5 3.5h15v10h-15zM7 17h6M10 13.5V17" />;
export const CloseIcon = (props: IconProps) => <Drawing {...props} lines="m5 5 10 10M15 5 5 15" />;
export const DownIcon = (props: IconProps) => <Drawing {...props} lines="m5.5 8 4.5 4.5L14.5 8" />;
export const RightIcon = (props: IconProps) => <Drawing {...props} lines="m8 5.5 4.5 4.5L8 14.5" />;
export const LeftIcon = (props: IconProps) => <Drawing {...props} lines="M12 5.5 7.5 10l4.5 4.5" />;
export const HelpIcon = (props: IconProps) => (
  <Drawing
    {...props}
    lines="M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15M7.8 7.8A2.3 2.3 0 0 1 12.3 8.5c0 1.5-2.3 1.8-2.3 3.2M10 14.3h.01"
  />
);
export const WarningIcon = (props: IconProps) => <Drawing {...props} lines="M10 3 2 16.5h16zM10 8v4M10 14.3h.01" />;
export const ZoomInIcon = (props: IconProps) => (
  <Drawing {...props} lines="M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M12.5 12.5 17 17M6 8.5h5M8.5 6v5" />
);
export const ZoomOutIcon = (props: IconProps) => (
  <Drawing {...props} lines="M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M12.5 12.5 17 17M6 8.5h5" />
);
