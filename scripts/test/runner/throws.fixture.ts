throw new Error("a test file that cannot be loaded");
