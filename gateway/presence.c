#include "presence.h"

#include "core/json.h"

uint32_t presence_limit(const struct config_namespace *ns, int64_t asked)
{
    int64_t most = ns->options.presence_limit > 0 ? ns->options.presence_limit : 1;
    return (uint32_t)(asked > 0 && asked < most ? asked : most);
}

void presence_put_list(struct buf *b, const struct ops_presence *answer)
{
    struct bytes entries = answer->entries;
    struct presence_entry e;
    buf_append_str(b, "\"presence\":{");
    for (int n = 0; wire_next_presence_entry(&entries, &e) > 0; n++) {
        if (n)
            buf_append_char(b, ',');
        json_append_string(b, e.client);
        buf_append_char(b, ':');
        json_append_line(b, e.info);
    }
    buf_append_char(b, '}');
}

void presence_put_counts(struct buf *b, uint32_t clients, uint32_t users)
{
    buf_append_str(b, "\"num_clients\":");
    buf_append_u64(b, clients);
    buf_append_str(b, ",\"num_users\":");
    buf_append_u64(b, users);
}

void presence_put_stats(struct buf *b, const struct ops_presence *answer)
{
    presence_put_counts(b, answer->clients, answer->users);
    if (answer->users_added)
        buf_append_str(b, ",\"num_users_at_most\":true");
}

void presence_put_page(struct buf *b, const struct ops_presence *answer)
{
    presence_put_list(b, answer);
    buf_append_char(b, ',');
    presence_put_stats(b, answer);
    if (answer->next == 0)
        return;
    buf_append_str(b, ",\"next\":\"");
    buf_append_u64(b, answer->next);
    buf_append_char(b, '"');
}
