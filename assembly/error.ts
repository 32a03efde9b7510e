// What the device module returns, shared with the desk. Zero and above: where a job stands. Below: what is wrong.

export enum Status {
  /** No job; `submit` takes one. */
  IDLE = 0,
  /** A job is under way; call `run`. */
  RUN = 1,
  /** The answer is in NVM and stays until `ack`. */
  DONE = 2,
  /** `run` committed because power is low; sleep, then call `run` again. */
  LOW = 3,
}

export enum ErrorCode {
  /** `boot` was not called after power came up, or it failed. */
  E_NOT_BOOTED = -1,
  /** No image, or none of its state in NVM (never provisioned, or provisioning was cut short). */
  E_MAGIC = -2,
  E_VERSION = -3,
  /** The header's checksum or one of its regions is wrong. */
  E_HEADER = -4,
  /** The plan's checksum is wrong. */
  E_PLAN = -5,
  /** An op of the plan is unknown to this build of the module. */
  E_OP = -6,
  E_NVM_SIZE = -7,
  E_SRAM_SIZE = -8,
  /** Neither cursor slot is valid, or the two contradict each other. */
  E_CURSOR = -9,
  /** NVM holds the state of another image. */
  E_CURSOR_IMAGE = -10,
  /** Another job is not acknowledged yet. */
  E_BUSY = -11,
  /** Ticket 0, or not the ticket of the present job. */
  E_TICKET = -12,
  /** `submit` without the whole input, or more input than the image takes. */
  E_INPUT = -13,
  /** The image has no such job. */
  E_KIND = -14,
  /** The call does not fit the job's state. */
  E_STATE = -15,
  /** Too many boots without a commit: a charge does not hold the tile. `cancel`, or give it more energy. */
  E_NO_PROGRESS = -16,
  /** The label is none of the network's classes. */
  E_LABEL = -17,
  /** Of firmware: NVM was that of a later release. */
  E_ROLLBACK = -18,
  /** Of firmware that checks it: the image is not what was signed. */
  E_SIGNATURE = -19,
}
