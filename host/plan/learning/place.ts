import type { LearningCursor, LearningHeader } from '../../model/learning-header.js';

/** Where a record stands: the image's learning header, and the cursor at it. */
export interface Place {
  header: LearningHeader;
  cursor: LearningCursor;
}
