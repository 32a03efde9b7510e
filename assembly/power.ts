/** The voltage monitor: 1 = the next cut is near. */
export declare function low(): i32;
