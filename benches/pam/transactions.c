/* A program that asks PAM, as sshd and su do, many times within one process: what it prints is the time of each transaction.
 *
 * usage: transactions FOLDER COUNT [change]
 * FOLDER holds the services `with` and `without`, which are used in turn. With `change`, each transaction also asks for another
 * password, and succeeds only if that is refused by `with`. Ends with 1 if a transaction goes wrong, or if it leaves a descriptor
 * or a thread behind.
 */
#include <dirent.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int said;

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)messages, (void)data;
    said += count;
    *responses = calloc(count, sizeof **responses);
    return *responses ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int entries(const char *path)
{
    DIR *folder = opendir(path);
    int found = 0;
    while (folder && readdir(folder))
        found++;
    closedir(folder);
    return found;
}

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "transactions: %s\n", what);
        exit(1);
    }
}

static long transaction(const char *folder, const char *service, int changes)
{
    struct pam_conv conversation = {converse, NULL};
    struct timespec begun, ended;
    pam_handle_t *handle = NULL;
    int is_with = !strcmp(service, "with");

    clock_gettime(CLOCK_MONOTONIC, &begun);
    must(!pam_start_confdir(service, "lapadmin", &conversation, folder, &handle), "no transaction");
    pam_set_item(handle, PAM_TTY, "pts/7");
    pam_set_item(handle, PAM_RHOST, "192.0.2.7");
    must(!pam_authenticate(handle, 0), "not authenticated");
    must(!pam_acct_mgmt(handle, 0), "not admitted");
    must(!pam_open_session(handle, 0), "no session");
    must(!pam_close_session(handle, 0), "the session does not end");
    if (changes) {
        int code = pam_chauthtok(handle, 0);
        must(code == (is_with ? PAM_PERM_DENIED : PAM_SUCCESS), "the change ends otherwise than it should");
        must(said == is_with, "no reason was given, or one too many");
        said = 0;
    }
    /* As a log-on that fails ends, so that the module is called once more. */
    pam_end(handle, PAM_AUTH_ERR);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (ended.tv_sec - begun.tv_sec) * 1000000000L + ended.tv_nsec - begun.tv_nsec;
}

int main(int argc, char **argv)
{
    must(argc == 3 || argc == 4, "usage: transactions FOLDER COUNT [change]");
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/lapwing/log-on.sock"};
    int agent = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), changes = argc == 4;
    must(!bind(agent, (struct sockaddr *)&address, sizeof address), "cannot listen for reports");
    transaction(argv[1], "with", changes);
    int descriptors = entries("/proc/self/fd"), reports = 0;
    for (int at = 0; at < atoi(argv[2]); at++) {
        long without = transaction(argv[1], "without", changes);
        long with = transaction(argv[1], "with", changes);
        char report[1024];
        reports = 0;
        while (recv(agent, report, sizeof report, MSG_DONTWAIT) > 0)
            reports++;
        printf("%ld %ld\n", without, with);
        /* The first time, the one before is heard of too. */
        must(reports >= 5 + changes, "the module has not told of each step");
    }
    must(entries("/proc/self/fd") == descriptors, "a descriptor is left behind");
    must(entries("/proc/self/task") == 3, "a thread is left behind");
    return 0;
}
