/*
 * What an application calls. Every function returns a state (0 and above) or an error (below 0) unless it says
 * otherwise; power may fail in any of them. Jobs are processed exactly once and delivered at least once, under tickets
 * of the application's choosing: whoever receives answers drops those whose ticket it has seen.
 *
 * No function waits, allocates or keeps a pointer. All calls come from one task, or under one lock; between two calls
 * of brownout_run anything else may run.
 */
#ifndef BROWNOUT_H
#define BROWNOUT_H

#include <stdint.h>

#include "brownout_model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { BROWNOUT_IDLE = 0, BROWNOUT_RUN = 1, BROWNOUT_DONE = 2, BROWNOUT_LOW = 3 };
enum { BROWNOUT_INFER = 0, BROWNOUT_LEARN = 1 };
/* Boots at one cursor after which brownout_work commits every tile. */
enum { BROWNOUT_CAREFUL_BOOTS = 4 };

/*
 * The first call after power comes up: prepares SRAM and NVM, and boots. Reads what is wrong up to three times. NVM without a
 * state (E_MAGIC) is provisioned first. NVM with the state of an image that `export --from` named becomes that of this one:
 * its ticket, and what it had learnt where layers agree; its job is given up. Of any other image, E_CURSOR_IMAGE: no job is
 * begun nor answer given until the application calls brownout_provision, which loses what was learnt, and begins again. NVM
 * that was that of a later release (`compile --release`): E_ROLLBACK, and nothing is written. An image that is not what was
 * signed, where the firmware checks that (`export --check-signature`): E_SIGNATURE, and nothing is written. An image
 * with another header or plan, where the firmware checks that (`export --check-plan`): E_PLAN, and nothing is written.
 */
int32_t brownout_begin(void);

/* Feeds the next job's input: all BROWNOUT_INPUT_BYTES of it. */
int32_t brownout_input(const int8_t *input);

/*
 * Starts inferring from the input, under a ticket that is not 0 and that no earlier job had. The present ticket again
 * returns its state; another while a job is not done, E_BUSY.
 */
int32_t brownout_submit(uint32_t ticket);

/* Likewise: learns that the input is of class y, below BROWNOUT_CLASSES. An image that does not learn: E_KIND. */
int32_t brownout_learn(uint32_t ticket, uint32_t y);

/*
 * The truth about an earlier input, come late: learns that the input of `ticket` was of class y, if the image keeps
 * unlabelled inputs and still has this one; else E_TICKET. A label given twice is learnt once: the second time the job's
 * state, or BROWNOUT_IDLE. Becomes a job of its own under the same ticket, to be run and acknowledged.
 */
int32_t brownout_label(uint32_t ticket, uint32_t y);

/*
 * Computes until it commits: BROWNOUT_RUN, BROWNOUT_LOW (sleep, then call again), BROWNOUT_DONE, or BROWNOUT_IDLE
 * where there is no job. `budget`: commits after so many tiles at the latest, for tasks that share the core; 0: no limit.
 */
int32_t brownout_run(uint32_t budget);

/*
 * brownout_run until there is a reason to stop: BROWNOUT_LOW, BROWNOUT_DONE, BROWNOUT_IDLE or an error. After more than
 * BROWNOUT_CAREFUL_BOOTS boots that found the job where it was, E_NO_PROGRESS of begin among them, every tile is committed:
 * so it gets on with any charge that holds a boot, a tile and a commit.
 */
int32_t brownout_work(void);

/* The answer of a job that is done, BROWNOUT_OUTPUT_BYTES, copied to `output`. E_STATE while there is none. */
int32_t brownout_result(int8_t *output);

/* Takes delivery of the answer; until then it stays. Repeating it is harmless. */
int32_t brownout_ack(uint32_t ticket);

/* Gives up a job. A learn job given up has learnt nothing. */
int32_t brownout_cancel(uint32_t ticket);

/*
 * Forgets what was learnt of class y, below BROWNOUT_CLASSES: it becomes what it was at the factory, samples of it that wait are
 * dropped, and the head is made anew. A job of its own under a ticket that no earlier job had, to be run and acknowledged.
 * E_KIND where the image was not compiled with --forget.
 */
int32_t brownout_forget(uint32_t ticket, uint32_t y);

/* Back to the factory's weights; only between jobs. Repeating it is harmless. */
int32_t brownout_restore(void);

/*
 * A stream begins again, with the state it had first; only between jobs. Repeating it is harmless. E_KIND where the image keeps
 * no state from job to job.
 */
int32_t brownout_reset_state(void);

/* Where the job stands. */
int32_t brownout_status(void);

/* The image format that the module reads. */
uint32_t brownout_version(void);

/* The ticket of the present or last job; 0 before the first. */
uint32_t brownout_ticket(void);

/* What that job is: BROWNOUT_INFER or BROWNOUT_LEARN. */
uint32_t brownout_kind(void);

/* Updates of the weights since provisioning. */
uint32_t brownout_steps(void);

/*
 * Boots that found the job where begin found it, this one included: after begin, while the state is BROWNOUT_RUN. More
 * than a few: give it more charge, or a smaller budget. begin says E_NO_PROGRESS when there were more than the image allows.
 */
uint32_t brownout_boots(void);

/*
 * Writes the state of a device that has not run yet to NVM, so that a cut on the way leaves no device that looks ready. Returns
 * BROWNOUT_IDLE, or E_ROLLBACK or E_SIGNATURE and nothing was written.
 */
int32_t brownout_provision(void);

/*
 * Erases all that was fed, answered and learnt, sample ring and weights: NVM is as after provisioning, zeros elsewhere, also
 * where a log keeps what was written over. After a cut, either nothing was erased yet, or begin goes on with it: call it again
 * unless it returned. Tickets begin again at 1. Returns BROWNOUT_IDLE or an error.
 */
int32_t brownout_erase(void);

/*
 * Reals to integers, rounded half away from zero: `tensor` of brownout_inputs from `from`, `tensor->values` of them, to
 * its place in `input`, of BROWNOUT_INPUT_BYTES. What is outside of the model's range becomes its nearest value, NaN the
 * zero point; returns how many were outside: more than a few mean another scale than that of training.
 */
uint32_t brownout_quantize(const struct brownout_tensor *tensor, const float *from, int8_t *input);

/* The other way: `tensor` of brownout_outputs, out of an answer of BROWNOUT_OUTPUT_BYTES, to `tensor->values` reals. */
void brownout_dequantize(const struct brownout_tensor *tensor, const int8_t *output, float *to);

/* Which value of `tensor` of brownout_outputs is largest in an answer; of equals the first: an index of brownout_class_names. */
uint32_t brownout_argmax(const struct brownout_tensor *tensor, const int8_t *output);

/* SRAM of the module from the first byte kernels use; free for the application's use between jobs. */
uint8_t *brownout_arena(void);

#ifdef __cplusplus
}
#endif

#endif
