#include "config_copy.h"

#include "core/json.h"
#include "plan.h"
#include "wire/lanes.h"
#include "wire/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_new(struct bytes cell)
{
    return json_type(json_member(cell, "new")) == JSON_TRUE;
}

static int read_cell(struct bytes cell, struct config_facts *ret, struct buf *ret_error)
{
    struct buf topic;
    uint64_t partitions;
    buf_init(&topic);
    bool ok = json_string(json_member(cell, "topic"), &topic) == 0 && topic.n > 0 &&
              topic.n <= CELL_TOPIC_MAX && json_u64(json_member(cell, "partitions"), &partitions) &&
              partitions >= 1 && partitions <= PARTITIONS_MAX;
    if (ok) {
        snprintf(ret->topic, sizeof ret->topic, "%s", topic.p);
        ret->partitions = (uint32_t)partitions;
        ret->is_new = is_new(cell);
    } else {
        buf_printf(ret_error, "the cell's topic or partitions can't be used: %.*s",
                   BYTES_FMT(cell));
    }
    buf_fini(&topic);
    return ok ? 0 : -EBADMSG;
}

int config_read(struct bytes json, const char *cell, struct config_facts *ret_facts,
                struct buf *ret_error)
{
    struct config_facts facts = {0};
    if (json.n > CONFIG_MAX || json_check(json, JSON_DEPTH_MAX, NULL) < 0 ||
        json_type(json) != JSON_OBJECT || !json_u64(json_member(json, "version"), &facts.version) ||
        json_type(json_member(json, "cells")) != JSON_ARRAY) {
        buf_append_str(ret_error, "it is no configuration");
        return -EBADMSG;
    }
    struct bytes one = json_array_named(json_member(json, "cells"), bytes_str(cell));
    if (one.n == 0) {
        buf_printf(ret_error, "cell %s is not configured: `cellcastctl apply` a file that has it", cell);
        return -ENOENT;
    }
    int error = read_cell(one, &facts, ret_error);
    if (error == 0)
        *ret_facts = facts;
    return error;
}

static bool read_lane(struct bytes one, struct buf *channel, uint64_t *ret_lane)
{
    buf_clear(channel);
    return json_type(one) == JSON_OBJECT && json_string(json_member(one, "channel"), channel) == 0 &&
           json_u64(json_member(one, "lane"), ret_lane) && *ret_lane >= 1 && *ret_lane <= LANE_MAX;
}

uint32_t config_lanes(struct bytes json, struct buf *into)
{
    struct json_iter it;
    struct bytes one, all = json_member(json, "lanes");
    struct buf channel;
    uint64_t lane;
    uint32_t most = 0;
    if (json_type(all) != JSON_ARRAY)
        return 0; /* of a database that is not migrated yet */
    buf_init(&channel);
    json_array_each(&it, all, &one)
    {
        if (!read_lane(one, &channel, &lane))
            continue;
        wire_put_ctl_lane(into, &(struct ctl_lane){.channel = buf_bytes(&channel), .lane = (uint32_t)lane});
        most = lane > most ? (uint32_t)lane : most;
    }
    buf_fini(&channel);
    return most;
}

static bool leaves(struct bytes tenant, const char *cell)
{
    return json_type(tenant) == JSON_OBJECT && json_array_has(json_member(tenant, "leaving"), bytes_str(cell));
}

unsigned config_leaving(struct bytes json, const char *cell, struct buf *into)
{
    struct json_iter it;
    struct bytes one, tenants = json_member(json, "tenants");
    unsigned n = 0;
    if (json_type(tenants) != JSON_ARRAY)
        return 0;
    json_array_each(&it, tenants, &one)
    {
        if (!leaves(one, cell))
            continue;
        buf_append_str(into, n++ ? " " : "");
        json_string(json_member(one, "name"), into);
    }
    return n;
}

unsigned config_other_cells(struct bytes json, const char *cell, bool new, struct buf *into)
{
    struct json_iter it;
    struct bytes one;
    struct buf name;
    unsigned n = 0;
    buf_init(&name);
    json_array_each(&it, json_member(json, "cells"), &one)
    {
        buf_clear(&name);
        if (json_type(one) != JSON_OBJECT || json_string(json_member(one, "name"), &name) < 0 ||
            bytes_is(buf_bytes(&name), cell) || (new && !is_new(one)))
            continue;
        wire_put_cell_name(into, &(struct cell_name){.name = buf_bytes(&name)});
        n++;
    }
    buf_fini(&name);
    return n;
}

static int write_all(int fd, struct bytes text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text = bytes_of(text.p + n, text.n - (size_t)n);
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int config_save(const char *path, struct bytes json)
{
    char beside[PATH_MAX];
    snprintf(beside, sizeof beside, "%s.new", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* it holds token keys */
    if (fd < 0)
        return -errno;
    int error = write_all(fd, json);
    close(fd);
    if (error == 0 && rename(beside, path) < 0)
        error = -errno;
    if (error < 0)
        unlink(beside);
    return error;
}

int config_load(const char *path, struct buf *into)
{
    struct stat is;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &is) < 0 ? -errno : is.st_size > CONFIG_MAX ? -EFBIG : 0;
    while (error == 0) {
        buf_reserve(into, 65536);
        ssize_t n = read(fd, into->p + into->n, 65536);
        if (n <= 0) {
            error = n < 0 ? -errno : 0;
            break;
        }
        into->n += (size_t)n;
        if (into->n > CONFIG_MAX)
            error = -EFBIG;
    }
    close(fd);
    return error;
}
