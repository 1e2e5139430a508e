export const USER_VIEWS = ["users", "tokens", "audit"] as const;
export type UserView = (typeof USER_VIEWS)[number];
export const USER_VIEW_WORDS: Record<UserView, string> = { users: "Users", tokens: "API tokens", audit: "Audit log" };
